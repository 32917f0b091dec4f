import type { LambdaWebhookEvent } from '../../src/webhook/lambda.js'

interface Signed {
  body: Buffer
  headers: Record<string, string>
}

/** A signed webhook as each of AWS's front doors hands it to a function. */
export const frontDoors: Readonly<Record<string, (signed: Signed) => LambdaWebhookEvent & Record<string, unknown>>> = {
  'Function URL': ({ body, headers }) => ({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/',
    rawQueryString: '',
    headers: { ...headers, host: 'abc.lambda-url.ap-south-1.on.aws' },
    requestContext: { accountId: 'anonymous', http: { method: 'POST', path: '/', protocol: 'HTTP/1.1' } },
    body: body.toString('base64'),
    isBase64Encoded: true,
  }),
  'HTTP API': ({ body, headers }) => ({
    version: '2.0',
    routeKey: 'ANY /webhook',
    rawPath: '/webhook',
    rawQueryString: '',
    headers,
    requestContext: { apiId: 'api', http: { method: 'POST', path: '/webhook' }, stage: '$default' },
    body: body.toString('utf8'),
    isBase64Encoded: false,
  }),
  'REST API': ({ body, headers }) => ({
    resource: '/webhook',
    path: '/webhook',
    httpMethod: 'POST',
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: null,
    requestContext: { httpMethod: 'POST', resourcePath: '/webhook', stage: 'prod' },
    body: body.toString('utf8'),
    isBase64Encoded: false,
  }),
  'load balancer': ({ body, headers }) => ({
    requestContext: { elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:ap-south-1:1:targetgroup/webhook/1' } },
    httpMethod: 'POST',
    path: '/webhook',
    queryStringParameters: {},
    headers,
    body: body.toString('utf8'),
    isBase64Encoded: false,
  }),
}
