/** Starts a lab, says its pids, and waits: a supervisor to be killed. Usage: node lab-child.ts LOG_DIR */
import { awsMatrix, startTestLab } from './start-test-lab.ts'

const matrix = await awsMatrix()
const lab = await startTestLab(matrix.first(2), process.argv[2] ?? '')
process.stdout.write(`${JSON.stringify(lab.pids)}\n`)
process.stdin.resume()
