import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

/** Addresses that no stranger answers at: this machine, private networks, links, and those of carriers and tailnets. */
const HOUSE = new BlockList()
for (const [network, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
] as const)
  HOUSE.addSubnet(network, bits, 'ipv4')
HOUSE.addAddress('::1', 'ipv6')
HOUSE.addSubnet('fc00::', 7, 'ipv6')
HOUSE.addSubnet('fe80::', 10, 'ipv6')

/** Whether a URL's host stands in the house: by its address, or by all addresses that its name has. */
export async function isInTheHouse({ hostname }: URL): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (isIP(host)) return isHouse(host)
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  // the server has just answered: a name that can't be looked up here was found by a proxy, outside
  const addresses = await lookup(host, { all: true }).catch(() => [])
  return addresses.length > 0 && addresses.every(({ address }) => isHouse(address))
}

/** Whether a URL means the machine that asks, and so another one to whoever reads it elsewhere. */
export const isThisMachine = ({ hostname }: URL): boolean =>
  /^(localhost|.*\.localhost|127\..*|\[::1\])$/i.test(hostname)

function isHouse(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return HOUSE.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')
}
