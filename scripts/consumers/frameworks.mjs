// The webhook handler in every framework, mounted as its users mount it: 400 images, a forged signature, a parsed body.
import { cpSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { at } from './tools.mjs'

const SERVERS = [
  ...['express@5.3.0', 'express4@npm:express@4.22.3', 'koa@3.3.0', '@koa/bodyparser@6.1.0', 'koa-bodyparser@4.4.1'],
  ...['@hapi/hapi@21.4.10', 'fastify@5.12.8', 'fastify-raw-body@6.0.1', 'hono@4.13.19', '@hono/node-server@2.1.9'],
]
const LAMBDA = ['@middy/core@7.9.2', '@middy/http-json-body-parser@7.9.2', 'serverless-http@4.0.0', 'express@5.3.0']
const NEST = [
  ...['@nestjs/core@12.5.1', '@nestjs/common@12.5.1', '@nestjs/platform-express@12.5.1'],
  ...['@nestjs/platform-fastify@12.5.0', 'reflect-metadata@0.2.2', 'rxjs@7.8.2'],
]
const NEXT = ['next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1']
const PROGRAMS = { programs: ['frameworks'] }

export async function checkFrameworks(tools) {
  await checkServers(tools)
  await checkLambda(tools)
  await checkNest(tools)
  await checkNext(tools)
}

async function checkServers({ check, project }) {
  const cwd = await project('frameworks-servers', SERVERS, PROGRAMS)
  for (const name of ['express', 'koa', 'hapi', 'fastify', 'hono']) {
    await check(name, process.execPath, [`${name}.mjs`], { cwd })
  }
}

async function checkLambda({ check, node, project }) {
  const types = at('@types/aws-lambda', '@types/node', 'typescript', '@aws-sdk/client-sqs')
  const cwd = await project('frameworks-lambda', [...LAMBDA, ...types], PROGRAMS)
  // middy 7 is for Node 22.
  await check('Lambda, middy and serverless-http', await node('22.23.3'), ['lambda.mjs'], { cwd })
  const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, types: ['node'] }
  const config = { compilerOptions: { ...compilerOptions, module: 'nodenext' }, files: ['lambda-types.ts'] }
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(config))
  await check("Lambda's types", 'npx', ['--no-install', 'tsc', '-p', '.'], { cwd })
}

async function checkNest({ check, project }) {
  const cwd = await project(
    'frameworks-nest',
    [
      ...NEST,
      ...at(
        'tsx',
        'typescript',
        '@types/node',
        '@types/express',
        'express',
        '@aws-sdk/client-s3',
        '@aws-sdk/s3-request-presigner',
      ),
    ],
    PROGRAMS,
  )
  const compilerOptions = { experimentalDecorators: true, target: 'es2022', module: 'nodenext' }
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  await check('NestJS', process.execPath, ['--import', 'tsx', 'nest.mts'], { cwd })
  for (const name of ['nest', 'express', 'messages']) cpSync(`examples/${name}.ts`, join(cwd, `examples/${name}.ts`))
  await check('NestJS, the example', process.execPath, ['--import', 'tsx', 'nest-example.mts'], { cwd })
  const strict = { ...compilerOptions, strict: true, exactOptionalPropertyTypes: true, types: ['node'], noEmit: true }
  const config = { compilerOptions: { ...strict, skipLibCheck: true }, files: ['nest-example.mts', 'examples/nest.ts'] }
  writeFileSync(join(cwd, 'tsconfig.strict.json'), JSON.stringify(config))
  await check("the NestJS example's types", 'npx', ['--no-install', 'tsc', '-p', 'tsconfig.strict.json'], { cwd })
}

/** A server as it runs in production, and its end between the answer and the archive. */
async function checkNext({ check, must, project }) {
  const cwd = await project('frameworks-next', NEXT)
  cpSync(resolve('test/package/consumers/next'), cwd, { recursive: true })
  await must('npx', ['--no-install', 'next', 'build'], { cwd, env: { NEXT_TELEMETRY_DISABLED: '1' } })
  const env = {
    ...{ ROWS_DIRECTORY: join(cwd, 'rows'), FILES_DIRECTORY: join(cwd, 'files'), LEASE_SECONDS: '1' },
    ...{ WHATSAPP_APP_SECRET: 'app-secret', WHATSAPP_VERIFY_TOKEN: 'verify-token', NEXT_TELEMETRY_DISABLED: '1' },
  }
  await check('Next.js, archived after the answer, and by cron after a crash', process.execPath, ['drive.mjs'], {
    cwd,
    env,
  })
}
