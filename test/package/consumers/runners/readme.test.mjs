// Where the runner replaces Node's own globals with a browser's.
import { testReadme } from './readme.mjs'

it("the README's test of an app", testReadme)
