/** Texts of the kinds that people attach, about as long as asked for (characters); each begins with FIRST and ends with LAST. */
const framed = (length: number, line: (n: number) => string): string => {
  const lines = ['FIRST line of it']
  for (let n = 1, size = 0; size < length; n++) {
    lines.push(line(n))
    size += lines.at(-1)!.length + 1
  }
  return [...lines, 'LAST line of it'].join('\n')
}

/** A number that looks like chance and is the same in each run. */
const odd = (n: number): number => (Math.imul(n + 1, 2_654_435_761) >>> 0) % 1_000_003
const hex = (n: number): string => (odd(n) * 7_368_787).toString(16).padStart(12, '0')

export const aLog = (length: number): string =>
  framed(
    length,
    (n) =>
      `Nov 28 12:${String(n % 60).padStart(2, '0')}:07.${odd(n) % 1000} nas kernel: [${odd(n)}.${n}] ata${n % 8}: SError: 0x${hex(n)} res 51/40:00:${hex(n + 1)}`,
  )

export const TEXTS: Record<string, (length: number) => string> = {
  'a log': aLog,
  'hex digits': (length) => framed(length, (n) => `${hex(n)}${hex(n + 1)}${hex(n + 2)}${hex(n + 3)}`),
  numbers: (length) => framed(length, (n) => `${odd(n)},${odd(n + 1)},${n / 8},${-odd(n + 2)}`),
  code: (length) =>
    framed(
      length,
      (n) => `    if (x${n} != NULL && y[${n}]->z(&a, (b | c) << ${n % 8})) { return !f(--d); } // ${n}`,
    ),
  Chinese: (length) =>
    framed(length, (n) => `第${n}行:磁盘阵列在夜间检查时变慢,因为备份也在读取同样的数据块。`),
  'signs that need several bytes': (length) => framed(length, (n) => `🦉🔥💾 ${n} ✅ ⛔ 👩‍💻`),
  prose: (length) =>
    framed(
      length,
      (n) => `In the evening number ${n} the operator looked at his machines once more and found them well.`,
    ),
  'one line without a blank': (length) =>
    `FIRST${'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo'.repeat(Math.ceil(length / 35))}LAST line of it`,
}
