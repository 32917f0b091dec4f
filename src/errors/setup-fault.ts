import { isInstalled, type PackagePart } from '../runtime/installed-package.js'
import { MAX_SERVER_TEXT } from './redaction.js'
import { readField, readTextField } from './thrown.js'

/** What is wrong around an app, and what its operator does about it. No other attempt mends it. */
export interface SetupFault {
  /** A name for programs. */
  reason: string
  /** For people: what is missing, and how to get it. */
  advice: string
}

/** A package that apps install themselves. */
export interface OptionalPackage extends PackagePart {
  /** What `npm install` is given. Default: the name. */
  install?: string | undefined
}

const NOT_FOUND = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']
/** Of Node, Jest and Bun; Deno; Workers; Vite. */
const SAYS_NOT_FOUND =
  /^(?:cannot find (?:package|module)|could not (?:find|resolve)|no such module|failed to (?:resolve|load))\b/i
/** The first name in quotes is the module that was not found; `@scope/name/part` is a part of `@scope/name`. */
const FOUND_NAME = /["'`](?:npm:)?((?:@[\w.-]+\/)?[\w.-]+)(?:@[\d.^~]+)?(?:\/[\w./-]+)?["'`]/
/** Node names the file of a package, too. */
const FOUND_FOLDER = /["'`][^"'`]{1,512}[\\/]node_modules[\\/]((?:@[\w.-]+[\\/])?[\w.-]+)[\\/][^"'`]{0,512}["'`]/

/** The package that a failed import did not find: empty where its name is not told, undefined for another fault. */
export function findAbsentPackage(error: unknown): string | undefined {
  const message = readTextField(error, 'message').slice(0, MAX_SERVER_TEXT)
  if (!NOT_FOUND.includes(readTextField(error, 'code')) && !SAYS_NOT_FOUND.test(message)) return undefined
  return (FOUND_FOLDER.exec(message) ?? FOUND_NAME.exec(message))?.[1]?.replaceAll('\\', '/') ?? ''
}

/** The file that asked for an absent package, as Node tells it; undefined elsewhere. */
function findImporter(error: unknown): string | undefined {
  const [file] = [readField(readField(error, 'requireStack'), 0)].filter((each) => typeof each === 'string')
  return file ?? /\bimported from (.{1,512})$/m.exec(readTextField(error, 'message').slice(0, MAX_SERVER_TEXT))?.[1]
}

/** What `loadPackage` says of a package that it can't load: an Error with the code of a `PackageFault`. */
export function describeLoadFailure({ name, install = name }: OptionalPackage, error: unknown): Error {
  const absent = findAbsentPackage(error)
  if (absent !== undefined && absent !== '' && isInstalled(absent, findImporter(error))) {
    return createPackageFault('package-unreadable', describeUnreadable(absent))
  }
  if (absent === '' || absent === name) {
    return createPackageFault('package-missing', `The package ${name} is not installed: npm install ${install}`)
  }
  const problem = absent === undefined ? 'it is broken, or does not fit this runtime' : `it does not find ${absent}`
  return createPackageFault(
    'package-broken',
    `The package ${name} can't be loaded: ${problem}. Install it anew: npm install ${install}`,
  )
}

function describeUnreadable(name: string): string {
  const problem = `The package ${name} is installed, and was not found`
  return `${problem}: Node remembers that it could not read it, or its files are not complete. Restart the process with a higher limit of open files, or install the app's packages anew`
}

type PackageFaultCode = 'package-missing' | 'package-broken' | 'package-unreadable' | 'package-too-old'

const PACKAGE_FAULTS: readonly unknown[] = [
  'package-missing',
  'package-broken',
  'package-unreadable',
  'package-too-old',
] satisfies PackageFaultCode[]

function createPackageFault(code: PackageFaultCode, message: string): Error {
  return Object.assign(new Error(message), { code })
}

/**
 * Refuses a version that is older than `least`, both as `3.729`. A version that can't be read passes: another copy or a
 * test may have taken its place.
 *
 * @throws Error with the code `package-too-old`.
 */
export function checkPackageVersion(
  { name, install = name }: OptionalPackage,
  { found, least }: { found: unknown; least: string },
): void {
  const [major, minor] = readVersion(found)
  const [leastMajor = 0, leastMinor = 0] = readVersion(least)
  if (major === undefined || minor === undefined) return
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return
  const problem = `The package ${name} is of version ${major}.${minor}, and ${least} or newer is needed`
  throw createPackageFault('package-too-old', `${problem}: npm install ${install}`)
}

function readVersion(version: unknown): number[] {
  const [, major, minor] = /^(\d{1,6})\.(\d{1,6})(?!\d)/.exec(typeof version === 'string' ? version : '') ?? []
  return major === undefined || minor === undefined ? [] : [Number(major), Number(minor)]
}

/** The SDK's own errors have a message where others have a code. */
const SDK_FAULTS: readonly [fits: (thrown: { name: string; message: string }) => boolean, SetupFault][] = [
  [
    ({ message }) => message.startsWith('Region is missing'),
    {
      reason: 'region-missing',
      advice:
        'No region is set: give the option region, or set AWS_REGION, or a region in the profile that AWS_PROFILE names. ' +
        'Most stores other than AWS take any, such as us-east-1',
    },
  ],
  [
    ({ message }) => message.startsWith('Region not accepted'),
    {
      reason: 'region-malformed',
      advice:
        "The region is not a region's name, which has letters, digits and hyphens only: see the option region and AWS_REGION",
    },
  ],
  [
    ({ name, message }) =>
      /^(?:CredentialsProvider|TokenProvider|Provider)Error$/.test(name) && /expired/i.test(message),
    {
      reason: 'credentials-expired',
      advice:
        'The credentials have expired: renew them (aws sso login, or a new session token), or give the option credentials a function that does',
    },
  ],
  [
    ({ name, message }) =>
      /^(?:CredentialsProvider|TokenProvider|Provider)Error$/.test(name) ||
      message.startsWith('Resolved credential object is not valid'),
    {
      reason: 'CredentialsProviderError',
      advice:
        'No complete credentials were found: give the option credentials (accessKeyId and secretAccessKey), or set both ' +
        'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; on AWS, give the function, container or instance a role',
    },
  ],
]

/** The fault of the app's installation or settings that an error tells of, if it does. */
export function findSetupFault(error: unknown): SetupFault | undefined {
  const [code, name, message] = [
    readField(error, 'code'),
    readTextField(error, 'name'),
    readTextField(error, 'message'),
  ]
  // The SDK loads some of its packages late.
  if (NOT_FOUND.some((each) => each === code)) {
    const absent = findAbsentPackage(error)
    if (absent && isInstalled(absent, findImporter(error))) {
      return { reason: 'package-unreadable', advice: describeUnreadable(absent) }
    }
    const advice = absent ? `The package ${absent} is not installed` : 'A package is not installed'
    return { reason: 'package-missing', advice: `${advice}: install the app's packages anew` }
  }
  if (PACKAGE_FAULTS.includes(code)) return { reason: String(code), advice: message }
  return SDK_FAULTS.find(([fits]) => fits({ name, message }))?.[1]
}
