import { type Command, Option } from 'commander'
import { examples, JSON_OPTION } from '../command.ts'
import { EXIT, Failure } from '../failure.ts'
import type { RunOptions } from '../gitops/run-init.ts'
import type { Session } from '../session.ts'
import { tell } from '../show/finding.ts'

interface ClientOptions {
  domain: string
  host: string
  clientId: string
  policy: string
  authMethod: string
  claimsPolicy?: string
  json?: boolean
}

interface StatusOptions {
  dir?: string
  context?: string
  report?: boolean
  json?: boolean
}

/** `hai gitops …`: what the manifests need from outside, and how they live in the cluster. */
export function addGitops(program: Command, session: Session): void {
  const gitops = program
    .command('gitops')
    .description('look at hai in a cluster, and make what its manifests need')
    .helpCommand(false)

  const init = gitops
    .command('init')
    .description('look at your Flux repository, ask what it does not tell, and write the manifests into it')
    .argument('<repository>', 'its folder')
    .option('--namespace <name>', "hai's namespace; Windmill's when not given")
    .option('--domain <domain>', "your domain, or the variable of Flux's that stands for it")
    .option('--workspace <id>', "Windmill's workspace for hai")
    .option('--gateway <name>', 'the Gateway that publishes it')
    .addOption(new Option('--exposure <which>', 'who may reach it').choices(['internal', 'external']))
    .option('--groups <names>', "Authelia's groups that may enter, with commas between")
    .option('--pod-network <cidr>', 'the network of pods')
    .option('--backups <endpoint>', "the S3 address for the database's backups, or none")
    .option('--override-policy', "let hai's routes replace a policy of the whole gateway")
    .option('--add-line', 'add the one line to your kustomization.yaml too')
    .option('--yes', 'ask nothing: take what was found, and the defaults')
    .option('--force', 'write settings anew that are there already')
    .action(
      session.run(async (repository: string, options: RunOptions) => {
        const { runInit } = await import('../gitops/run-init.ts')
        return runInit(session, repository, checked(options))
      }),
    )
  examples(init, 'hai gitops init ~/home-ops', 'hai gitops init ~/home-ops --yes --groups admins --add-line')

  const client = gitops
    .command('authelia-client')
    .description("make Authelia's client for the browser, with its secrets; shown once, kept nowhere")
    .requiredOption('--domain <domain>', 'your real domain')
    .option('--host <label>', 'the host below it', 'hai')
    .option('--client-id <id>', "as in the configuration's edge.client_id", 'hai')
    .option(
      '--policy <name>',
      'one_factor, two_factor, or one that stands in your identity_providers.oidc.authorization_policies',
      'two_factor',
    )
    .option('--claims-policy <name>', 'one that stands in your identity_providers.oidc.claims_policies')
    .addOption(
      new Option('--auth-method <method>', 'how the proxy proves itself')
        .choices(['client_secret_basic', 'client_secret_post'])
        .default('client_secret_basic'),
    )
    .option(...JSON_OPTION)
    .action(session.run((options: ClientOptions) => autheliaClient(session, options)))
  examples(client, 'hai gitops authelia-client --domain example.com --policy one_factor')

  const status = gitops
    .command('status')
    .description('compare what is live with what was generated, by your own kubeconfig')
    .option('--dir <folder>', 'your copy of the manifests; those of this checkout when not given')
    .option('--context <name>', "the kubeconfig's context; the current one when not given")
    .option('--report', 'tell the inbox what differs, for its metric and its alert')
    .option(...JSON_OPTION)
    .action(session.run((options: StatusOptions) => clusterStatus(session, options)))
  examples(
    status,
    'hai gitops status --dir ~/home-ops/kubernetes/apps',
    'KUBECONFIG=~/.kube/home hai gitops status --context home',
    'hai gitops status --dir ~/home-ops/kubernetes/apps --report',
  )
  examples(gitops, 'hai gitops status')
}

async function autheliaClient(session: Session, options: ClientOptions): Promise<undefined> {
  const { domain, host, clientId, policy, authMethod, claimsPolicy, json } = options
  refuseOdd('--domain', domain, /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, 'a domain like example.com')
  refuseOdd('--host', host, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'one label like hai')
  refuseOdd('--client-id', clientId, /^[\w.~-]{1,100}$/, 'letters, digits, - . _ ~')
  refuseOdd(
    '--policy',
    policy,
    /^(?!(deny|bypass)$)[\w-]+$/,
    'one_factor, two_factor, or the name of one of your own',
  )
  if (claimsPolicy !== undefined) refuseOdd('--claims-policy', claimsPolicy, /^[\w-]+$/, "a policy's name")
  const { makeClient } = await import('../gitops/authelia.ts')
  const wish = { host: `${host}.${domain}`, clientId, policy, authMethod, claimsPolicy }
  const { fields, entry } = makeClient(wish)
  if (json) {
    session.printJson({ fields, entry })
    return
  }
  session.note('to 1Password, item hai-oauth2-proxy:')
  session.print(...Object.entries(fields).map(([name, value]) => `${name}=${value}`))
  session.note("to Authelia's clients; the digest needs no secrecy:")
  session.print(...entry.trimEnd().split('\n'))
  const named = [
    ...(isBuiltIn(policy) ? [] : [`authorization_policies.${policy}`]),
    ...(claimsPolicy === undefined ? [] : [`claims_policies.${claimsPolicy}`]),
  ].map((name) => `identity_providers.oidc.${name}`)
  if (named.length > 0) session.note(`it names ${named.join(' and ')}: without it Authelia does not start`)
  const afterwards = [
    'authelia config validate, before you roll it out: with one error there Authelia starts for nobody',
    'the $ of the digest need no escaping, but where its file filter expand-env is on, which is deprecated: use template',
    'neither is kept here: close this window when both are stored',
  ]
  for (const line of afterwards) session.note(line)
}

const isBuiltIn = (policy: string): boolean => policy === 'one_factor' || policy === 'two_factor'

function checked(options: RunOptions): RunOptions {
  const { namespace, domain, workspace, groups, podNetwork, backups } = options
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
  const name = /^(\$\{[A-Z][A-Z0-9_]*\}|([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,})$/
  const network = /^[0-9a-f.:]+\/\d{1,3}(,[0-9a-f.:]+\/\d{1,3})*$/
  if (namespace !== undefined) refuseOdd('--namespace', namespace, label, 'a name like home')
  if (domain !== undefined) {
    refuseOdd('--domain', domain, name, `a domain like example.com, or a variable like $\{SECRET_DOMAIN}`)
  }
  if (workspace !== undefined) refuseOdd('--workspace', workspace, /^[a-z0-9][a-z0-9_-]*$/, 'a workspace id')
  if (groups !== undefined) refuseOdd('--groups', groups, /^[^,\s]+(,[^,\s]+)*$/, 'names like admins,family')
  if (podNetwork !== undefined) refuseOdd('--pod-network', podNetwork, network, 'a network like 10.42.0.0/16')
  if (backups !== undefined && backups !== 'none')
    refuseOdd('--backups', backups, /^https?:\/\/[^\s/]+$/, 'an address like https://s3.example.com, or none')
  return options
}

function refuseOdd(option: string, value: string, pattern: RegExp, expected: string): void {
  if (pattern.test(value)) return
  throw new Failure('usage', `${option}: ${JSON.stringify(value)} is not accepted; expected ${expected}`)
}

async function clusterStatus(session: Session, { json, report, ...where }: StatusOptions): Promise<number> {
  const { clusterStatus: look, driftReport, outcomeOf, statusFindings } = await import('../gitops/status.ts')
  const status = await look(where)
  if (json) session.printJson(status)
  else for (const finding of statusFindings(status)) tell(session, finding)
  const denied = status.objects.filter(({ state }) => state === 'denied').length
  if (denied > 0) session.note(`${denied} of ${status.objects.length} objects may not be looked at`)
  if (report) {
    await session.call('admin/drift', driftReport(status))
    session.note('reported to hai')
  }
  return EXIT[outcomeOf(status)]
}
