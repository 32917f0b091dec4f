// NestJS 11 with Jest: a CommonJS project as `nest new` makes it, with the example as docs/webhooks.md tells to put it there,
// and the test of docs/testing.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** As the package.json of @nestjs/schematics 11 has them. */
const PACKAGES = [
  ...['@nestjs/common@11.2.10', '@nestjs/core@11.2.10', '@nestjs/platform-express@11.2.10', '@nestjs/testing@11.2.6'],
  ...['reflect-metadata@0.2.2', 'rxjs@7.8.2', '@types/express@5.0.6', '@types/jest@30.0.0', '@types/node@24.19.4'],
  ...['jest@30.5.2', 'supertest@7.3.2', '@types/supertest@7.2.1', 'ts-jest@29.4.15', 'typescript@5.9.3'],
]
const JEST = {
  moduleFileExtensions: ['js', 'json', 'ts'],
  rootDir: 'src',
  testRegex: '.*\\.spec\\.ts$',
  transform: { '^.+\\.(t|j)s$': 'ts-jest' },
  testEnvironment: 'node',
}

export async function checkNest({ check, project }) {
  const cwd = await project('nest', PACKAGES, { programs: ['nest'], fields: { jest: JEST } })
  for (const name of ['express', 'messages', 'nest']) {
    writeFileSync(join(cwd, 'src', `${name}.ts`), toCommonJs(readFileSync(`examples/${name}.ts`, 'utf8')))
  }
  const [, test = ''] =
    /\n## NestJS\n[\s\S]*?\n```text\n([\s\S]*?)```/.exec(readFileSync('docs/testing.md', 'utf8')) ?? []
  writeFileSync(join(cwd, 'src', 'nest.spec.ts'), test)
  await check('NestJS 11, CommonJS: types', 'npx', ['--no-install', 'tsc', '-p', '.'], { cwd })
  await check("NestJS 11, CommonJS: the app's test in Jest", 'npx', ['--no-install', 'jest'], { cwd })
  await check('NestJS 11, CommonJS: the app starts and ends', process.execPath, ['run.cjs'], { cwd })
}

/** Without the last statement, which starts the app where the file is the program, and without `.js` in imports. */
function toCommonJs(text) {
  return text.replace(/\nif \(import\.meta\.url [\s\S]*$/, '').replace(/(from '\.\/\w+)\.js'/g, "$1'")
}
