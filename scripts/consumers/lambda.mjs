// The two lines of docs/queues.md that bundle for Lambda: what esbuild makes of them runs by itself, away from any
// node_modules, and takes a webhook from API Gateway and a job from SQS.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { at } from './tools.mjs'

const NODE_VERSIONS = ['20.19.0', '22.23.3']
const LINE = /^npx (esbuild handler\.ts .*) --outfile=(\S+)$/gm

export async function checkLambda({ check, folder, must, node, project }) {
  const sdk = at('@aws-sdk/client-s3', '@aws-sdk/client-sqs', '@aws-sdk/s3-request-presigner')
  const cwd = await project('lambda', ['esbuild@0.28.2', ...sdk], { programs: ['lambda', 'doubles'], fields: {} })
  const bundles = folder('lambda-bundles', {})
  const lines = [...readFileSync('docs/queues.md', 'utf8').matchAll(LINE)]
  if (lines.length !== 2) throw new Error(`docs/queues.md has ${lines.length} lines for esbuild, not 2`)
  for (const [, command, outfile] of lines) {
    const bundle = join(bundles, outfile)
    await must('npx', ['--no-install', ...command.split(' '), `--outfile=${bundle}`], { cwd })
    for (const version of NODE_VERSIONS) {
      await check(`Lambda, ${outfile}, Node ${version}`, await node(version), ['invoke.mjs', bundle], { cwd })
    }
  }
}
