// A reporter of vitest's that leaves what tests/all.mjs sums up, in the file that HAI_TEST_REPORT names.
import { writeFileSync } from 'node:fs'

/** One that is run a second time says where. */
const nameOf = ({ relativeModuleId: file, project: { name } }) =>
  ['apart', 'stacks', 'together', 'peers'].includes(name) ? file : `${file} (${name})`

export default class Report {
  onTestRunEnd(modules, errors) {
    const failed = errors.map((error) => `outside any test: ${error.message}`)
    let passed = 0
    for (const module of modules) {
      const file = nameOf(module)
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed += 1
        if (state === 'failed') failed.push(`${file} > ${test.fullName}`)
      }
      // what cannot be loaded, or whose hook fails, may have no failed test
      for (const suite of [module, ...module.children.allSuites()])
        for (const { message } of suite.errors())
          failed.push([file, suite.fullName, 'outside its tests', message].filter(Boolean).join(' > '))
    }
    const files = modules.map((module) => {
      const { collectDuration, duration } = module.diagnostic()
      return { file: nameOf(module), ms: collectDuration + duration }
    })
    writeFileSync(process.env.HAI_TEST_REPORT, JSON.stringify({ passed, failed, files }))
  }
}
