import { resolveCloudApi } from '../download/cloud-api.js'
import { defined, type Filled } from '../json.js'
import { checkPrefix } from '../key.js'
import { awaitAnswer } from '../storage/questions.js'
import type { Refusal } from '../storage/refusal.js'
import { createS3Storage, probeS3 } from '../storage/s3.js'
import { type CommandContext, type CommandHost, describeThrown, EXIT } from './command.js'
import { createFetch, describeRefusal } from './doctor/ask.js'
import { type BucketConnection, type BucketOptions, connectToBucket, type RegionFault } from './doctor/bucket.js'
import { judgeCorsAnswers } from './doctor/cors.js'
import { examineEncryption, findKmsKey } from './doctor/encryption.js'
import { judgeExposure } from './doctor/exposure.js'
import { decideDoctorExitCode, type Finding } from './doctor/finding.js'
import { examineMetaAccess } from './doctor/meta.js'
import { examineObjects } from './doctor/objects.js'
import { type DoctorSettings, readDoctorSettings } from './doctor/options.js'
import { judgeProbe, type Probe } from './doctor/probe.js'
import { judgeProxies } from './doctor/proxies.js'
import { reachBucket } from './doctor/reach.js'
import { describeAsJson, describeAsText } from './doctor/report.js'
import { examineSettings } from './doctor/settings.js'
import type { Flags } from './flags.js'
import { choosePaint, type Paint } from './paint.js'

export interface DoctorOptions {
  settings: DoctorSettings
  output: { write(text: string): unknown }
  /** Default: no colours. */
  paint?: Paint | undefined
  /** `probeS3`. */
  probe: Probe
  /** Default: the SDK's own chain. */
  credentials?: BucketOptions['credentials'] | undefined
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined
  /** The time limit of one question. Default 15,000 ms. */
  timeoutMs?: number | undefined
  /** Ends the examination with its reason, once the doctor's objects are removed. */
  signal?: AbortSignal | undefined
}

type Examination = Filled<Pick<DoctorOptions, 'now' | 'timeoutMs'>> & Omit<DoctorOptions, 'now' | 'timeoutMs'>

/** `doctor`, with the options of the command line. @returns the exit code. */
export async function runDoctorCommand(flags: Flags, context: CommandContext): Promise<number> {
  const { env, stdout, stderr, interrupts } = context
  const settings = readDoctorSettings(flags, env)
  try {
    return await runDoctor({
      ...{ settings, output: stdout, paint: choosePaint(stdout, env) },
      ...{ probe: probeS3, signal: interrupts.stop },
    })
  } catch (error) {
    // The objects that were written are removed by now.
    if (!interrupts.stop.aborted) throw error
    stderr.write('Interrupted.\n')
    return EXIT.interrupted
  }
}

/** Reports why the doctor could not begin: with `--json` as a finding, too. A mere warning has another exit code. */
export function reportDoctorError(
  error: unknown,
  { argv, host }: { argv: readonly string[]; host: Pick<CommandHost, 'stdout' | 'stderr'> },
): number {
  const finding = describeThrown(error)
  host.stderr.write(`${finding}\n`)
  if (argv.includes('--json')) {
    host.stdout.write(describeAsJson([{ check: 'settings', severity: 'error', finding }]))
  }
  return EXIT.unusable
}

/**
 * Asks Meta and the store whether an archive with these settings works and is safe, and prints each finding with its
 * repair. Below `{prefix}doctor/` it writes small objects and removes them; it changes no setting.
 *
 * @returns the exit code: 0 nothing to repair, 1 warnings, 2 errors.
 * @throws InvalidOptionError for settings of the wrong form, and the signal's reason.
 */
export async function runDoctor(options: DoctorOptions): Promise<number> {
  const { settings, output, paint, signal, now = Date.now, timeoutMs = 15_000 } = options
  const context = { ...options, now, timeoutMs }
  // Before the first question: a typing mistake must not cost the answers.
  checkPrefix(settings)
  const findings = [...(await examineMeta(context)), ...judgeProxies(settings)]
  signal?.throwIfAborted()
  findings.push(...(await examineStore(context)))
  signal?.throwIfAborted()
  const isUnset = settings.accessToken === undefined && settings.bucket === undefined
  if (isUnset) findings.push(NOTHING_SET)
  output.write(settings.json ? describeAsJson(findings) : describeAsText(findings, paint))
  return decideDoctorExitCode(findings)
}

const NOTHING_SET: Finding = {
  check: 'settings',
  severity: 'error',
  finding: 'There is nothing to check: neither an access token nor a bucket is given',
  fix: { advice: 'Set them', command: 'export WHATSAPP_ACCESS_TOKEN=… S3_BUCKET_NAME=… AWS_REGION=…' },
}

async function examineMeta({ settings, now, timeoutMs }: Examination): Promise<Finding[]> {
  const { accessToken, appSecret, phoneNumberId, graphUrl, agent } = settings
  if (accessToken === undefined) {
    return [{ check: 'access token', severity: 'note', finding: 'Not checked: WHATSAPP_ACCESS_TOKEN is not set' }]
  }
  const cloudApi = resolveCloudApi(defined({ baseUrl: graphUrl }))
  return examineMetaAccess({
    cloudApi,
    accessToken,
    appSecret,
    phoneNumberId,
    now,
    timeoutMs,
    fetch: createFetch(agent),
  })
}

async function examineStore(context: Examination): Promise<Finding[]> {
  const { bucket, region, endpoint, publicEndpoint, prefix, agent } = context.settings
  if (bucket === undefined) {
    return [{ check: 'bucket', severity: 'note', finding: 'Not checked: S3_BUCKET_NAME is not set' }]
  }
  const options = defined({ bucket, region, endpoint, publicEndpoint, agent, credentials: context.credentials })
  const connected = await awaitAnswer(() => connectToBucket(options, context))
  if (!connected.ok) return [UNCONNECTED.get(connected.reason) ?? describeSdkFailure(connected)]
  const connection = connected.value
  try {
    return await examineBucket(context, {
      connection,
      options,
      prefix: checkPrefix(defined({ prefix })),
    })
  } finally {
    connection.close()
  }
}

const NO_SDK: Finding = {
  check: 'bucket',
  severity: 'error',
  finding: 'Not checked: the AWS SDK is not installed here',
  fix: {
    advice: 'Run the doctor where your app is installed, or install it',
    command: 'npm install @aws-sdk/client-s3 @aws-sdk/s3-request-presigner',
  },
}

const SET_REGION = {
  advice: 'Set the region of the bucket; most other stores than AWS take any',
  command: 'export AWS_REGION=us-east-1',
}

const NO_REGION: Finding = {
  check: 'region',
  severity: 'error',
  finding: 'There is no region: neither AWS_REGION nor the shared configuration has one',
  fix: SET_REGION,
}

const MALFORMED_REGION: Finding = {
  check: 'region',
  severity: 'error',
  finding: "The region is not a region's name: the AWS SDK takes letters, digits and hyphens only",
  fix: SET_REGION,
}

const UNCONNECTED: ReadonlyMap<string, Finding> = new Map([
  ['ERR_MODULE_NOT_FOUND', NO_SDK],
  ['region-missing' satisfies RegionFault, NO_REGION],
  ['region-malformed' satisfies RegionFault, MALFORMED_REGION],
])

function describeSdkFailure(refusal: Refusal): Finding {
  return {
    check: 'bucket',
    severity: 'error',
    finding: `Not checked: the AWS SDK does not start (${describeRefusal(refusal)})`,
    fix: { advice: 'Check the AWS_* variables, the shared configuration, and how the SDK is installed' },
  }
}

async function examineBucket(
  context: Examination,
  { connection, options, prefix }: { connection: BucketConnection; options: BucketOptions; prefix: string },
): Promise<Finding[]> {
  const { settings, timeoutMs, signal } = context
  const reached = await reachBucket(connection)
  if (!reached.isUsable) return reached.findings
  signal?.throwIfAborted()
  const { findings, policyStatus, encryption } = await examineSettings(connection, { prefix })
  const storage = createS3Storage(options)
  const objects = await examineObjects({
    connection,
    storage,
    prefix,
    kmsKeyId: findKmsKey(encryption),
    timeoutMs,
    fetch: createFetch(settings.agent),
    cors: settings.origins.length === 0 ? undefined : (fetchFor) => examineCors(context, { connection, fetchFor }),
  })
  await storage.close?.()
  signal?.throwIfAborted()
  const isCorsMissing = settings.origins.length > 0 && !objects.findings.some(({ check }) => check === 'CORS')
  return [
    ...reached.findings,
    ...objects.findings,
    ...(isCorsMissing ? [NO_CORS] : []),
    judgeExposure(connection, { ...objects, policyStatus }),
    await examineEncryption(connection, { prefix, answer: encryption, mayTry: objects.leavesNothing }),
    ...findings,
    ...(await examineByProbe(context, { connection, options, prefix, leavesNothing: objects.leavesNothing })),
  ]
}

const NO_CORS: Finding = { check: 'CORS', severity: 'note', finding: 'Not checked: no signed URL could be read' }

async function examineCors(
  { settings }: Examination,
  { connection, fetchFor }: { connection: BucketConnection; fetchFor: (origin: string) => Promise<Headers> },
): Promise<Finding> {
  const { sdk, bucket, ask } = connection
  const existing = await ask((client, o) => client.send(new sdk.GetBucketCorsCommand({ Bucket: bucket }), o))
  return judgeCorsAnswers({ connection, origins: settings.origins, existing, fetchFor })
}

async function examineByProbe(
  { settings, probe, timeoutMs, signal }: Examination,
  {
    connection,
    options,
    prefix,
    leavesNothing,
  }: { connection: BucketConnection; options: BucketOptions; prefix: string; leavesNothing: boolean },
): Promise<Finding[]> {
  if (!settings.probe) return []
  const check = 'probe'
  if (!leavesNothing)
    return [{ check, severity: 'note', finding: 'Not run: the doctor could not write, or could not clean up' }]
  // Left out, it reads as a reader does, who follows redirects.
  const fetch = settings.agent === undefined ? undefined : createFetch(settings.agent)
  const report = await awaitAnswer(() =>
    probe(options, defined({ prefix: `${prefix}doctor/`, timeoutMs, signal, fetch })),
  )
  if (!report.ok) return [{ check, severity: 'warning', finding: `The probe stopped: ${describeRefusal(report)}` }]
  return judgeProbe(report.value, { ...connection, prefix })
}
