/** Texts of many kinds, the same at each run; what has a number or an identifier draws it. */

let seed = 7
function drawn(below: number): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return Math.floor((seed / 2_147_483_648) * below)
}
const pick = <T>(from: readonly T[]): T => from[drawn(from.length)]!
const digits = (count: number) => Array.from({ length: count }, () => drawn(10)).join('')
const hex = (count: number) => Array.from({ length: count }, () => pick([...'0123456789abcdef'])).join('')
const podId = (count: number) =>
  Array.from({ length: count }, () => pick([...'bcdfghjklmnpqrstvwxz2456789'])).join('')
const bytes = (count: number) => Buffer.from(Array.from({ length: count }, () => drawn(256)))
const two = (below: number) => String(drawn(below)).padStart(2, '0')
const time = () => `${two(24)}:${two(60)}:${two(60)}`
const instant = () => `2026-11-${two(29)}T${time()}.${digits(6)}Z`
const uuid = () => [8, 4, 4, 4, 12].map(hex).join('-')
const lines = (count: number, line: () => string) => `${Array.from({ length: count }, line).join('\n')}\n`

const journald = lines(150, () =>
  pick([
    `Nov ${two(29)} ${time()} nas kernel: [${digits(5)}.${digits(6)}] ata${drawn(8)}.00: failed command: READ FPDMA QUEUED tag ${drawn(32)} ncq dma ${digits(5)} in`,
    `Nov ${two(29)} ${time()} nas systemd[1]: run-docker-runtime\\x2drunc-moby-${hex(64)}-runc.${podId(6)}.mount: Deactivated successfully.`,
    `Nov ${two(29)} ${time()} nas sshd[${digits(5)}]: Accepted publickey for admin from 192.0.2.${drawn(255)} port ${digits(5)} ssh2: ED25519 SHA256:${bytes(32).toString('base64')}`,
    `Nov ${two(29)} ${time()} nas zed[${digits(4)}]: eid=${drawn(99)} class=checksum pool='tank' vdev=ata-DISK_${digits(8)}-part1 algorithm=fletcher4 size=131072 offset=${digits(12)}`,
  ]),
)

const kubernetes = lines(120, () =>
  pick([
    `${instant()} I1128 ${time()}.${digits(6)}    1234 reconciler_common.go:245] "operationExecutor.VerifyControllerAttachedVolume started for volume" pod="default/web-${podId(9)}-${podId(5)}" podUID="${uuid()}"`,
    `level=info ts=${instant()} caller=compact.go:${digits(3)} component=tsdb msg="write block" mint=17${digits(11)} maxt=17${digits(11)} ulid=01${podId(24).toUpperCase()} duration=${digits(3)}.${digits(6)}ms`,
    `10.42.${drawn(9)}.${drawn(255)} - - [28/Nov/2026:${time()} +0000] "GET /api/v1/items/${digits(6)}?cursor=${hex(16)} HTTP/1.1" ${pick([200, 404, 500])} ${digits(5)} "-" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"`,
    JSON.stringify({
      ...{
        time: instant(),
        level: 'error',
        msg: 'context deadline exceeded',
        pod: `db-${podId(5)}-${drawn(3)}`,
      },
      ...{ trace_id: hex(32), span_id: hex(16), duration_ms: drawn(1_000_000) / 1000 },
    }),
  ]),
)

const english =
  'The durable queue keeps what was asked of it, and a worker that claims a task must prove that it still holds the lease before it writes the answer down. ' +
  'Yesterday evening the monitoring reported a failed disk in the second bay; the array was rebuilt within six hours, and nothing was lost. ' +
  'Please look whether the certificate is still valid before you change the configuration, and think about the backups: incremental every day, full every week, and kept elsewhere every month.\n'

const markdown = `# Rebuilding the pool

1. **Look first**: \`zpool status -v tank\` names the disk; see [the manual](https://example.com/zfs#replace).
2. Replace it, then wait.

| disk | state | errors |
|------|-------|-------:|
| sda  | ONLINE | 0 |
| sdb  | FAULTED | 128 |

\`\`\`sh
zpool replace tank /dev/disk/by-id/ata-OLD /dev/disk/by-id/ata-NEW && watch -n 60 zpool status
\`\`\`

> A scrub afterwards costs a night and finds what the resilver did not read.
`

const typescript = `import { setTimeout } from 'node:timers/promises'

export interface Lease { id: string; lease_no: number; until: Date }

/** Renews until it is lost. */
export async function hold(task: Lease, signal: AbortSignal, beat = 3_000): Promise<void> {
  for (let beats = 0; !signal.aborted; beats += 1) {
    const { rows } = await query<{ until: Date }>('update lease set until = $1 where id = $2 returning until', [new Date(), task.id])
    if (rows.length === 0) throw new Error(\`the lease of \${task.id} is lost after \${beats} beats\`)
    await setTimeout(beat, undefined, { signal }).catch(() => undefined)
  }
}
`

const json = JSON.stringify(
  Array.from({ length: 40 }, (_, n) => ({
    ...{
      id: uuid(),
      name: `node-${n}`,
      ready: n % 3 > 0,
      labels: { 'kubernetes.io/arch': 'amd64', zone: 'attic' },
    },
    ...{ capacity: { cpu: drawn(64), memory: `${digits(8)}Ki` }, taints: [], ratio: drawn(10_000) / 7 },
  })),
  null,
  2,
)

/** What is written by hand is long enough only a few times over. */
const times = (count: number, text: string) => text.repeat(count)

export const CORPUS: Record<string, string> = {
  journald,
  kubernetes,
  'English prose': times(6, english),
  Markdown: times(6, markdown),
  TypeScript: times(4, typescript),
  JSON: json,
  German: times(
    4,
    'Die Warteschlange hält fest, was von ihr verlangt wurde, und ein Arbeiter, der eine Aufgabe übernimmt, muss nachweisen, dass er die Pacht noch besitzt, bevor er die Antwort niederschreibt. Gestern Abend meldete das Überwachungssystem einen Festplattenausfall im zweiten Einschub; die Wiederherstellung des Verbunds dauerte ungefähr sechs Stunden und verlief ohne Datenverlust. Wegen der Geschwindigkeitsbegrenzung auf der Autobahn und der außergewöhnlichen Witterungsverhältnisse verzögerte sich die Auslieferung der Ersatzteile erheblich. Bitte prüfe die Zertifikatsgültigkeit, bevor du die Konfigurationsdatei änderst. Außerdem sollten wir die Sicherungsstrategie überdenken: Täglich inkrementell, wöchentlich vollständig, monatlich ausgelagert. Der Datenschutzbeauftragte verlangt eine nachvollziehbare Dokumentation sämtlicher Zugriffsberechtigungen.\n',
  ),
  French: times(
    4,
    "La file d'attente conserve ce qui lui a été demandé, et l'ouvrier qui prend une tâche doit prouver qu'il détient encore le bail avant d'écrire la réponse. Hier soir, le système de surveillance a signalé une panne de disque dans le deuxième tiroir ; la reconstruction a duré près de six heures, sans perte de données. Veuillez vérifier la validité du certificat avant de modifier le fichier de configuration.\n",
  ),
  Polish: times(
    4,
    'Kolejka przechowuje to, o co ją poproszono, a pracownik, który przejmuje zadanie, musi udowodnić, że nadal posiada dzierżawę, zanim zapisze odpowiedź. Wczoraj wieczorem system monitorowania zgłosił awarię dysku w drugiej kieszeni; odbudowa macierzy trwała około sześciu godzin i przebiegła bez utraty danych. Proszę sprawdzić ważność certyfikatu przed zmianą pliku konfiguracyjnego.\n',
  ),
  Cyrillic: times(
    4,
    'Очередь хранит то, о чём её попросили, а работник, который берёт задачу, должен доказать, что аренда всё ещё принадлежит ему, прежде чем записать ответ. Вчера вечером система наблюдения сообщила об отказе диска во втором отсеке; восстановление массива заняло около шести часов и прошло без потери данных. Пожалуйста, проверьте срок действия сертификата перед изменением файла конфигурации.\n',
  ),
  Chinese: times(
    4,
    '队列会保存所有被要求的事情，而领取任务的工人在写下答案之前必须证明自己仍然持有租约。昨天晚上，监控系统报告第二个托架中的硬盘发生故障；阵列的重建大约花了六个小时，没有丢失任何数据。在修改配置文件之前，请先检查证书的有效期。繁體中文的用戶也應該能夠閱讀這些訊息，並且知道接下來該怎麼做。\n',
  ),
  Japanese: times(
    4,
    'キューは依頼されたことを記録し、タスクを引き受けたワーカーは、答えを書き込む前にリースをまだ保持していることを証明しなければなりません。昨夜、監視システムは二番目のベイのディスク障害を報告しました。アレイの再構築には約六時間かかり、データの損失はありませんでした。設定ファイルを変更する前に、証明書の有効期限を確認してください。\n',
  ),
  Korean: times(
    4,
    '대기열은 요청받은 일을 보관하며, 작업을 맡은 작업자는 답을 기록하기 전에 임대를 여전히 보유하고 있음을 증명해야 합니다. 어젯밤 감시 시스템이 두 번째 베이의 디스크 고장을 보고했습니다. 배열 재구성에는 약 여섯 시간이 걸렸고 데이터 손실은 없었습니다.\n',
  ),
  Arabic: times(
    4,
    'تحتفظ قائمة الانتظار بما طُلب منها، ويجب على العامل الذي يتولى المهمة أن يثبت أنه لا يزال يملك عقد الإيجار قبل أن يكتب الإجابة. أبلغ نظام المراقبة مساء أمس عن عطل في القرص الموجود في الفتحة الثانية، واستغرقت إعادة البناء حوالي ست ساعات دون فقدان أي بيانات.\n',
  ),
  Hindi: times(
    4,
    'कतार वह सब सुरक्षित रखती है जो उससे माँगा गया है, और जो कर्मी कार्य लेता है उसे उत्तर लिखने से पहले यह सिद्ध करना होता है कि पट्टा अब भी उसी के पास है। कल शाम निगरानी प्रणाली ने दूसरे खाने में डिस्क की खराबी की सूचना दी।\n',
  ),
  Thai: times(
    4,
    'คิวจะเก็บสิ่งที่ถูกร้องขอไว้ และผู้ปฏิบัติงานที่รับงานต้องพิสูจน์ว่ายังถือสัญญาเช่าอยู่ก่อนที่จะเขียนคำตอบ เมื่อคืนระบบเฝ้าระวังรายงานว่าดิสก์ในช่องที่สองเสียหาย การสร้างใหม่ใช้เวลาประมาณหกชั่วโมง\n',
  ),
  Greek: times(
    4,
    'Η ουρά διατηρεί ό,τι της ζητήθηκε, και ο εργάτης που αναλαμβάνει μια εργασία πρέπει να αποδείξει ότι κατέχει ακόμη τη μίσθωση πριν γράψει την απάντηση. Χθες το βράδυ το σύστημα παρακολούθησης ανέφερε βλάβη δίσκου στη δεύτερη θέση.\n',
  ),
  Hebrew: times(
    4,
    'התור שומר את מה שהתבקש ממנו, והעובד שלוקח משימה חייב להוכיח שהחכירה עדיין בידו לפני שהוא כותב את התשובה. אמש דיווחה מערכת הניטור על תקלה בדיסק שבמפרץ השני, והבנייה מחדש נמשכה כשש שעות.\n',
  ),
  'numbers in columns': lines(
    80,
    () => `${instant()},${digits(2)}.${digits(2)},${pick(['ok', 'fail'])},,"${digits(4)}",-${drawn(9)}e-5`,
  ),
  digits: lines(60, () => `${digits(9)} ${digits(9)} ${digits(6)}`),
  hex: lines(60, () => `RIP: 0010:${hex(16)} RSP: ${hex(16)} EFLAGS: ${hex(8)} ${hex(64)}  ${uuid()}`),
  base64: bytes(4000).toString('base64').replaceAll(/.{76}/g, '$&\n'),
  base64url: bytes(4000).toString('base64url'),
  'base64 of text': Buffer.from(times(5, english)).toString('base64'),
  emoji: lines(60, () =>
    Array.from({ length: 8 }, () =>
      pick(['🦉', '👩‍💻', '🇦🇹', '❤️', '🧑🏽‍🚒', '😀', '🚀', '✅', '⚠️', '👨‍👩‍👧']),
    ).join(pick(['', ' '])),
  ),
  whitespace: lines(
    80,
    () =>
      ' '.repeat(drawn(120)) + pick(['a', '}', 'return x']) + '\t'.repeat(drawn(20)) + '\n'.repeat(drawn(5)),
  ),
  rules: lines(60, () => pick(['-', '=', '*', '#', '_', '.', '/']).repeat(1 + drawn(100))),
  marks: lines(40, () =>
    Array.from({ length: 60 }, () => pick([...'!@#$%^&*()[]{}<>|;:,.?~`\'"\\/'])).join(''),
  ),
  capitals: times(
    40,
    'CREATE TABLE USERS NOT NULL DEFAULT PRIMARY KEY REFERENCES ERROR WARNING FATAL ECONNREFUSED SIGSEGV\n',
  ),
  'words that no one knows': lines(40, () =>
    Array.from({ length: 10 }, () => podId(8).replaceAll(/\d/g, 'q')).join(' '),
  ),
  listings: lines(
    60,
    () =>
      `-rw-r--r--  1 root root ${digits(8).padStart(10)} Nov ${two(29)} ${time()} ${pick(['a.conf', 'fstab', 'nginx.conf'])}`,
  ),
  'a terminal’s colours': lines(
    60,
    () =>
      `\u001b[3${drawn(8)}m[info]\u001b[0m   ${pick(['starting', 'stopped', 'ready'])} \u001b[1m${digits(2)}ms\u001b[22m`,
  ),
  links: lines(
    60,
    () =>
      `https://example.com/${podId(8)}/${hex(6)}/index.html?utm_source=${podId(5)}&id=${digits(6)}#section-${drawn(9)}`,
  ),
  HTML: lines(
    60,
    () =>
      `<div class="card card--wide" data-id="${hex(8)}"><a href="/p/${digits(3)}">More</a>&nbsp;&amp;</div>`,
  ),
  'a table’s frame': lines(
    40,
    () => `│ node${drawn(9)} │ ${digits(2)}% │ ${'█'.repeat(drawn(20))}${'░'.repeat(drawn(10))} │ → ok`,
  ),
}
