import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { webhookOptionsFromEnv, workerOptionsFromEnv } from '../../examples/lambda.js'
import { isObject } from '../../src/json.js'
import { readTemplate, resolveTemplate, variablesOf, visitFunctions } from './infra-template.js'

const template = readTemplate(readFileSync(new URL('../../examples/infra/queue.yaml', import.meta.url), 'utf8'))
const bucketTemplate = readTemplate()
const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/0a0a0a0a-0000-0000-0000-000000000000'

const PARAMETERS = {
  BucketName: 'media',
  CodeBucket: 'code',
  CodeKey: 'lambda.zip',
  PhoneNumberId: '123',
  SecretArn: 'arn:secret',
}
const RESOURCES = {
  'AWS::Partition': 'aws',
  MediaQueue: 'https://sqs.ap-south-1.amazonaws.com/111122223333/media',
  DeadLetterQueue: 'https://sqs.ap-south-1.amazonaws.com/111122223333/media-dead',
  ...Object.fromEntries(
    ['MediaQueue', 'DeadLetterQueue', 'WebhookLogs', 'WorkerLogs'].map((name) => [`${name}.Arn`, `arn:${name}`]),
  ),
}

/** The properties of a resource, with everything resolved. */
function propertiesOf(name: string, parameters: Record<string, string> = {}): Record<string, unknown> {
  const { Resources } = resolveTemplate(template, {
    parameters: { ...PARAMETERS, ...parameters },
    resources: RESOURCES,
  })
  return Resources[name]?.Properties ?? {}
}

function variablesFor(functionName: string): Record<string, string> {
  const { Environment: environment } = propertiesOf(functionName)
  const { Variables: variables }: { Variables?: Record<string, string> } = { ...Object(environment) }
  return variables ?? {}
}

function statementsOf(role: string, parameters: Record<string, string> = {}): unknown[] {
  const { Policies: policies } = propertiesOf(role, parameters)
  return [policies].flat().flatMap((policy) => Object(policy).PolicyDocument.Statement)
}

it('the queue’s template refers only to what it has, and uses all that it has', () => {
  const known = [...Object.keys(template.Parameters), ...Object.keys(template.Resources)]
  const used = new Set<string>()
  const conditions = new Set<string>()
  const { Conditions, Resources, Outputs } = template
  visitFunctions({ Conditions, Resources, Outputs }, (name, argument) => {
    const list = Array.isArray(argument) ? argument.map(String) : []
    if (name === 'Ref') used.add(String(argument))
    else if (name === 'Fn::Sub') for (const variable of variablesOf(argument)) used.add(variable.replace(/\..*$/, ''))
    else if (name === 'Fn::GetAtt') used.add(String(list[0]))
    else if (name === 'Fn::If') conditions.add(String(list[0]))
  })
  expect([...used].filter((name) => !known.includes(name)).sort()).toEqual(['AWS::NoValue', 'AWS::Partition'])
  expect(Object.keys(template.Parameters).filter((name) => !used.has(name))).toEqual([])
  expect([...conditions].sort()).toEqual(Object.keys(template.Conditions).sort())
})

it('the queue’s template takes the parameters that it shares with the bucket’s', () => {
  for (const name of ['KeyPrefix', 'KmsKeyArn']) {
    const { Default, AllowedPattern } = template.Parameters[name] ?? {}
    expect({ Default, AllowedPattern }).toEqual({
      Default: bucketTemplate.Parameters[name]?.Default,
      AllowedPattern: bucketTemplate.Parameters[name]?.AllowedPattern,
    })
  }
  expect(Object.keys(bucketTemplate.Outputs)).toContain('BucketName')
})

describe('the queue’s template', () => {
  it('hides messages for six times the worker’s timeout, at least', () => {
    const timeout = Number(propertiesOf('WorkerFunction')['Timeout'])
    expect(timeout).toBeGreaterThan(0)
    expect(propertiesOf('MediaQueue')['VisibilityTimeout']).toBeGreaterThanOrEqual(6 * timeout)
  })

  it('keeps jobs for 14 days, and does not take retries for failures', () => {
    expect(propertiesOf('MediaQueue')).toMatchObject({
      MessageRetentionPeriod: 1_209_600,
      RedrivePolicy: { deadLetterTargetArn: 'arn:DeadLetterQueue', maxReceiveCount: 1_000 },
    })
    expect(propertiesOf('DeadLetterQueue')).toMatchObject({ MessageRetentionPeriod: 1_209_600 })
    for (const name of ['MediaQueue', 'DeadLetterQueue']) {
      expect(propertiesOf(name)).toMatchObject({ SqsManagedSseEnabled: true })
      expect(propertiesOf(name)).not.toHaveProperty('FifoQueue')
    }
  })

  it('brings back what a function reports, and no more', () => {
    expect(propertiesOf('WorkerEvents')).toMatchObject({
      EventSourceArn: 'arn:MediaQueue',
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      BatchSize: 10,
    })
  })

  it('raises an alarm at the first dead letter, and tells a topic if there is one', () => {
    const alarm = {
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateNumberOfMessagesVisible',
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: 1,
      EvaluationPeriods: 1,
    }
    expect(propertiesOf('DeadLetterAlarm')).toMatchObject(alarm)
    expect(propertiesOf('DeadLetterAlarm')).not.toHaveProperty('AlarmActions')
    const topic = 'arn:aws:sns:ap-south-1:111122223333:alarms'
    expect(propertiesOf('DeadLetterAlarm', { AlarmTopicArn: topic })).toMatchObject({ ...alarm, AlarmActions: [topic] })
  })

  it('gives both functions of the example the settings that they need', () => {
    const webhook = variablesFor('WebhookFunction')
    const worker = variablesFor('WorkerFunction')
    expect(webhookOptionsFromEnv(webhook)).toMatchObject({ queue: { queueUrl: RESOURCES.MediaQueue } })
    expect(workerOptionsFromEnv(worker)).toMatchObject({
      consumer: { queueUrl: RESOURCES.MediaQueue, deadLetterQueueUrl: RESOURCES.DeadLetterQueue },
      archive: { prefix: template.Parameters['KeyPrefix']?.Default },
    })
    // Neither has a secret that only the other needs.
    expect(Object.keys(webhook)).not.toContain('WHATSAPP_ACCESS_TOKEN')
    expect(Object.keys(worker).filter((name) => /SECRET|VERIFY/.test(name))).toEqual([])
    for (const value of Object.entries({ ...webhook, ...worker }).flatMap(([name, text]) =>
      /SECRET|TOKEN/.test(name) ? [text] : [],
    )) {
      expect(value).toMatch(/^\{\{resolve:secretsmanager:arn:secret:SecretString:\w+\}\}$/)
    }
  })

  it.each(['', KEY])('allows the functions what they must do, and no more: KMS key %j', (KmsKeyArn) => {
    const logs = (name: string) => ({
      Effect: 'Allow',
      Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      Resource: `arn:${name}`,
    })
    expect(statementsOf('WebhookRole', { KmsKeyArn })).toEqual([
      { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: 'arn:MediaQueue' },
      logs('WebhookLogs'),
    ])
    const key = { Effect: 'Allow', Action: ['kms:GenerateDataKey', 'kms:Decrypt'], Resource: KEY }
    expect(statementsOf('WorkerRole', { KmsKeyArn })).toEqual([
      {
        Effect: 'Allow',
        Action: [
          'sqs:ReceiveMessage',
          'sqs:DeleteMessage',
          'sqs:GetQueueAttributes',
          'sqs:ChangeMessageVisibility',
          'sqs:SendMessage',
        ],
        Resource: 'arn:MediaQueue',
      },
      { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: 'arn:DeadLetterQueue' },
      { Effect: 'Allow', Action: ['s3:PutObject', 's3:GetObject'], Resource: 'arn:aws:s3:::media/whatsapp-media/*' },
      ...(KmsKeyArn === '' ? [] : [key]),
      logs('WorkerLogs'),
    ])
  })

  it('opens its URL to everyone by both permissions, and the queues to nobody without TLS', () => {
    expect(propertiesOf('WebhookUrl')).toMatchObject({ AuthType: 'NONE' })
    expect(propertiesOf('WebhookUrlPermission')).toMatchObject({
      ...{ Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: 'NONE' },
    })
    expect(propertiesOf('WebhookInvokePermission')).toMatchObject({
      ...{ Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true },
    })
    const { PolicyDocument: document } = propertiesOf('QueuePolicy')
    expect(isObject(document) ? document['Statement'] : undefined).toEqual([
      {
        Sid: 'OnlyOverTls',
        Effect: 'Deny',
        Principal: '*',
        Action: 'sqs:*',
        Resource: ['arn:MediaQueue', 'arn:DeadLetterQueue'],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ])
  })
})
