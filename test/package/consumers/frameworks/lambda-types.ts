// Compiles: the handlers fit the types of everything that calls Lambda.
import type {
  ALBHandler,
  APIGatewayProxyHandler,
  APIGatewayProxyHandlerV2,
  LambdaFunctionURLHandler,
  SQSHandler,
} from 'aws-lambda'
import { createSqsConsumer } from 'whatsapp-media-archive/queues/sqs'
import { createWebhookHandler, toLambdaHandler } from 'whatsapp-media-archive/webhook'

const webhook = toLambdaHandler(
  createWebhookHandler({ appSecret: 'app-secret', verifyToken: 'verify-token', onPayload() {} }),
)
export const httpApi: APIGatewayProxyHandlerV2 = webhook
export const restApi: APIGatewayProxyHandler = webhook
export const balancer: ALBHandler = webhook
export const functionUrl: LambdaFunctionURLHandler = webhook

const queueUrl = 'https://sqs.us-east-1.amazonaws.com/1/media'
export const worker: SQSHandler = createSqsConsumer({
  queueUrl,
  processJob: async () => ({ outcome: 'done' }),
}).handler
