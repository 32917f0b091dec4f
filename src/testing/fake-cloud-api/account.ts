/** The fake Cloud API's access token and its permissions, as Meta reports them. */
export interface FakeAccount {
  /** Of the access token. Default: both that media and phone numbers take. */
  permissions?: readonly string[] | undefined
  /** When the access token expires, in milliseconds since 1970. Default: never. */
  tokenExpiresAt?: number | undefined
  /** The phone number ids that the access token may read. Default `106540352242922`. */
  phoneNumberIds?: readonly string[] | undefined
}

const APP_ID = '670843887433847'
const USER_ID = '122100000000000001'

/**
 * The body for a node that is no media: the token's owner (`me`), the token itself (Graph API: Debug-Token), or a phone
 * number id. Undefined for any other node.
 */
export function buildAccountBody(
  node: string,
  { accessToken, inputToken, account }: { accessToken: string; inputToken: string | null; account: FakeAccount },
): string | undefined {
  const { phoneNumberIds = ['106540352242922'] } = account
  if (node === 'me') return JSON.stringify({ id: USER_ID })
  if (node === 'debug_token') return JSON.stringify({ data: buildTokenData(inputToken === accessToken, account) })
  return phoneNumberIds.includes(node) ? JSON.stringify({ id: node }) : undefined
}

function buildTokenData(isValid: boolean, account: FakeAccount): Record<string, unknown> {
  const { permissions = ['whatsapp_business_management', 'whatsapp_business_messaging'], tokenExpiresAt = 0 } = account
  if (!isValid) {
    const error = { code: 190, message: 'Invalid OAuth access token.' }
    return { error, is_valid: false, scopes: [] }
  }
  return {
    app_id: APP_ID,
    type: 'SYSTEM_USER',
    application: 'Fake',
    data_access_expires_at: 0,
    expires_at: Math.floor(tokenExpiresAt / 1_000),
    is_valid: true,
    issued_at: 1_700_000_000,
    scopes: [...permissions],
    granular_scopes: permissions.map((scope) => ({ scope })),
    user_id: USER_ID,
  }
}
