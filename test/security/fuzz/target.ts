/** A gateway to fuzz: as it is in production, but that nothing leaves this machine. */
import { GatewayProcess } from '../../../scripts/gateway-process.ts'

/** Every receiver there is: the path says what it answers. */
const RECEIVERS = `export default { fetch(request) {
  const status = Number(new URL(request.url).pathname.slice(1)) || 200
  return new Response(status === 200 ? 'ok' : null, { status })
} }`

/** @param worker_dir a build by `buildWorker` */
export function startTarget(worker_dir: string): Promise<GatewayProcess> {
  return GatewayProcess.start(worker_dir, {
    instead_of_network: RECEIVERS,
    bindings: { ALLOW_PRIVATE_ENDPOINTS: 'false' },
  })
}
