import { idPattern } from '../lib/ids.ts'

export interface DeliveryKey {
  message_id: string
  endpoint_id: string
}

const MESSAGE = new RegExp(idPattern('msg'))
const ENDPOINT = new RegExp(idPattern('ep'))

/** A delivery is one message for one endpoint, and so is its id: `{message_id}.{endpoint_id}`. */
export function formatDeliveryId({ message_id, endpoint_id }: DeliveryKey): string {
  return `${message_id}.${endpoint_id}`
}

/** Null for what cannot be a delivery's id. */
export function parseDeliveryId(text: string): DeliveryKey | null {
  const [message_id = '', endpoint_id = '', ...rest] = text.split('.')
  return rest.length === 0 && MESSAGE.test(message_id) && ENDPOINT.test(endpoint_id)
    ? { message_id, endpoint_id }
    : null
}
