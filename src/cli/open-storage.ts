import { mkdirSync, readdirSync } from 'node:fs'
import { configFromEnv } from '../config-from-env.js'
import { InvalidOptionError } from '../errors.js'
import { defined } from '../json.js'
import { createFileSystemStorage } from '../storage/file-system.js'
import { createS3Storage } from '../storage/s3.js'
import type { ObjectStorage } from '../storage.js'
import type { CommandContext, OptionHelp } from './command.js'
import { refusePath } from './file-faults.js'
import { type Flags, getText, parseUrlFlag, toDashed } from './flags.js'

/** The options of every command that opens the storage. */
export const STORAGE_OPTIONS: readonly OptionHelp[] = [
  ['--bucket <name>', 'S3 bucket; default S3_BUCKET_NAME'],
  ['--region <name>', 'AWS region; default AWS_REGION, else what the AWS SDK finds'],
  ['--endpoint <url>', 'S3-compatible server; default S3_ENDPOINT, else AWS'],
  ['--public-endpoint <url>', 'Where readers reach it, for signed URLs; default the endpoint'],
  ['--directory <path>', 'Objects as files in a folder, in place of a bucket'],
]

/** The storage that the options and the environment name, and the start of its keys. */
export interface OpenedStorage {
  storage: ObjectStorage
  /** `WHATSAPP_MEDIA_PREFIX`, as an option. */
  keys: { prefix?: string | undefined }
}

/**
 * Opens the storage without a request. Options win over the environment; the SDK finds AWS credentials by itself. A folder
 * signs URLs with an address (`--public-endpoint`) and a secret (`WHATSAPP_MEDIA_URL_SECRET`).
 *
 * `use` is what the command does: `written` makes a folder that is not there yet; with `listed` it must be there.
 * @throws InvalidOptionError for options of the wrong form, for options that do not go together, and for a folder that
 * can't be used.
 */
export function openStorage(
  flags: Flags,
  { env, use }: { env: CommandContext['env']; use: 'listed' | 'written' },
): OpenedStorage {
  const config = configFromEnv(env)
  const keys = defined({ prefix: config.prefix })
  const directory = getText(flags, 'directory')
  if (directory !== undefined) return { storage: openDirectory(directory, { flags, env, use }), keys }
  const bucket = getText(flags, 'bucket') ?? config.bucket
  if (bucket === undefined) {
    throw new InvalidOptionError({ option: '--bucket', problem: 'is needed (or S3_BUCKET_NAME), or --directory' })
  }
  const options = defined({
    bucket,
    region: getText(flags, 'region') ?? config.region,
    endpoint: parseUrlFlag(flags, 'endpoint') ?? config.endpoint,
    publicEndpoint: parseUrlFlag(flags, 'publicEndpoint'),
    agent: config.agent,
  })
  return { storage: createS3Storage(options), keys }
}

function openDirectory(
  directory: string,
  { flags, env, use }: { flags: Flags; env: CommandContext['env']; use: 'listed' | 'written' },
): ObjectStorage {
  for (const name of ['bucket', 'region', 'endpoint']) {
    if (flags[name] !== undefined)
      throw new InvalidOptionError({ option: toDashed(name), problem: 'does not go with --directory' })
  }
  try {
    if (use === 'written') mkdirSync(directory, { recursive: true })
    readdirSync(directory)
  } catch (error) {
    refusePath({ option: '--directory', path: directory, use })(error)
  }
  const baseUrl = parseUrlFlag(flags, 'publicEndpoint')
  const secret = env['WHATSAPP_MEDIA_URL_SECRET']
  if (baseUrl === undefined) return createFileSystemStorage({ directory })
  if (secret !== undefined) return createFileSystemStorage({ directory, baseUrl, secret })
  const problem = 'goes with --directory only where WHATSAPP_MEDIA_URL_SECRET is set, which signs the URLs'
  throw new InvalidOptionError({ option: '--public-endpoint', problem })
}
