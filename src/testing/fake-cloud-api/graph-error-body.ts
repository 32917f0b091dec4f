/** The body that a Graph answer of this status has (Meta: Error codes). */
export function buildGraphErrorBody(status: number, traceId: string): string {
  const [code, type, message] = ERRORS[status] ?? [1, 'OAuthException', 'An unknown error has occurred.']
  return JSON.stringify({
    error: { message, type, code, ...(status === 400 ? { error_subcode: 33 } : {}), fbtrace_id: traceId },
  })
}

const ERRORS: Readonly<Record<number, readonly [code: number, type: string, message: string]>> = {
  400: [
    100,
    'GraphMethodException',
    "Unsupported get request. Object with ID 'x' does not exist, cannot be loaded due to missing permissions, or does not support this operation.",
  ],
  401: [190, 'OAuthException', 'Error validating access token: The session has been invalidated.'],
  403: [10, 'OAuthException', '(#10) Application does not have permission for this action'],
  404: [100, 'GraphMethodException', '(#100) No such object'],
  410: [100, 'GraphMethodException', '(#100) Gone'],
  429: [80007, 'OAuthException', '(#80007) Rate limit issues'],
  500: [131000, 'OAuthException', '(#131000) Something went wrong'],
  503: [2, 'OAuthException', 'Service temporarily unavailable'],
}
