import fc from 'fast-check'

/**
 * fast-check with the same inputs in every run, so that a failure tells of a change and not of luck. HAI_TEST_SEED, a
 * number, tries others.
 */
fc.configureGlobal({ seed: Number(process.env.HAI_TEST_SEED ?? 4424) })

export default fc
