import type { SqsMessage } from './message.js'
import type { MessageFate, RunMessageOptions } from './run-message.js'

/** Deletes messages and hides them. Each call takes `limitMs` at most, and never rejects. */
export interface MessageSettler {
  /** Keeps a message from other readers for so long; 0 shows it to them at once. */
  hide(message: SqsMessage, options: { seconds: number; limitMs: number }): Promise<void>
  settle(message: SqsMessage, options: { fate: MessageFate; limitMs: number }): Promise<void>
}

/**
 * SQS keeps a message from its other readers for 12 hours at most, counted from when it was handed out (AWS:
 * Visibility timeout); an hour of that may have passed.
 */
export const LONGEST_HIDDEN_SECONDS = 39_600

export function createMessageSettler({ connection, queueUrl, report }: RunMessageOptions): MessageSettler {
  const hide: MessageSettler['hide'] = async ({ receiptHandle }, { seconds, limitMs }) => {
    const change = {
      QueueUrl: queueUrl,
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: Math.min(seconds, LONGEST_HIDDEN_SECONDS),
    }
    const { error } = await connection.call({ operation: 'settle', limitMs }, (client, sdk, options) =>
      client.send(new sdk.ChangeMessageVisibilityCommand(change), options),
    )
    if (error !== undefined) report(error)
  }
  return {
    hide,
    async settle(message, { fate, limitMs }) {
      if (fate.fate === 'show-again') return hide(message, { seconds: fate.afterSeconds, limitMs })
      const deletion = { QueueUrl: queueUrl, ReceiptHandle: message.receiptHandle }
      const { error } = await connection.call({ operation: 'settle', limitMs }, (client, sdk, options) =>
        client.send(new sdk.DeleteMessageCommand(deletion), options),
      )
      if (error !== undefined) report(error)
    },
  }
}
