/**
 * One unary call over grpc-js, as server or client. Usage: node grpc-echo.ts serve PORT | call TARGET MESSAGE
 */
import { createRequire } from 'node:module'

/** The part of grpc-js used here; a byte string in, the same byte string out. */
interface GrpcJs {
  readonly Server: new () => {
    addService(service: object, handlers: object): void
    bindAsync(address: string, credentials: object, done: (error: Error | null, port: number) => void): void
  }
  readonly ServerCredentials: { createInsecure(): object }
  readonly credentials: { createInsecure(): object }
  readonly makeGenericClientConstructor: (
    service: object,
    name: string,
  ) => new (target: string, credentials: object) => EchoClient
}

interface EchoClient {
  echo(message: Buffer, options: { deadline: Date }, done: (error: Error | null, answer: Buffer) => void): void
  close(): void
}

// grpc-js is no dependency of this package, only of those whose calls the links carry.
const grpc: GrpcJs = createRequire(new URL('../../../rpc/package.json', import.meta.url))('@grpc/grpc-js')

const bytes = (value: Buffer): Buffer => value
const codec = {
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
}
const service = { echo: { path: '/test.Echo/Echo', requestStream: false, responseStream: false, ...codec } }

const [role, where = '', message = ''] = process.argv.slice(2)
if (role === 'serve') {
  const server = new grpc.Server()
  server.addService(service, {
    echo: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) => done(null, call.request),
  })
  server.bindAsync(`127.0.0.1:${where}`, grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error
    process.stdout.write(`${JSON.stringify({ port })}\n`)
  })
} else {
  const Client = grpc.makeGenericClientConstructor(service, 'Echo')
  const client = new Client(where, grpc.credentials.createInsecure())
  const call = async (): Promise<{ answer: string; tookMs: number }> => {
    const start = performance.now()
    return new Promise((resolve, reject) => {
      client.echo(Buffer.from(message), { deadline: new Date(Date.now() + 5_000) }, (error, answer) => {
        if (error !== null) reject(error)
        else resolve({ answer: answer.toString(), tookMs: performance.now() - start })
      })
    })
  }
  // The first call opens the connection; the second shows what one costs.
  await call()
  process.stdout.write(`${JSON.stringify(await call())}\n`)
  client.close()
}
