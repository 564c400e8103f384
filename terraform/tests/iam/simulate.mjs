// Reads simulations as a JSON list, one per call, and writes how each ends: Allowed, ExplicitlyDenied,
// ImplicitlyDenied, or what is wrong with it.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const simulations = JSON.parse(readFileSync(0, 'utf8'))
const ends = await Promise.all(
  simulations.map(async (simulation) => {
    const found = await runSimulation(simulation, {})
    return found.resultType === 'error' ? `error: ${JSON.stringify(found.errors)}` : found.overallResult
  }),
)
process.stdout.write(JSON.stringify(ends))
