import { inflateSync } from 'node:zlib'

export interface Image {
  width: number
  height: number
  /** A pixel as `#rrggbb`. */
  at(x: number, y: number): string
}

/** Reads a PNG of 8 bits per colour, not interlaced, as browsers write screenshots. */
export function readPng(file: Buffer): Image {
  const width = file.readUInt32BE(16)
  const height = file.readUInt32BE(20)
  const size = { 2: 3, 6: 4 }[file[25]!]
  if (file[24] !== 8 || size === undefined || file[28] !== 0)
    throw new Error('this is no plain RGB or RGBA PNG')
  const data: Buffer[] = []
  for (let at = 8; at < file.length; at += file.readUInt32BE(at) + 12) {
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') {
      data.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)))
    }
  }
  const pixels = unfiltered(inflateSync(Buffer.concat(data)), { row: width * size, height, size })
  return {
    width,
    height,
    at: (x, y) => `#${pixels.toString('hex', (y * width + x) * size, (y * width + x) * size + 3)}`,
  }
}

/** Each byte is the difference to what its row's filter foretells from the bytes left, above and left above of it. */
function unfiltered(
  raw: Buffer,
  { row, height, size }: { row: number; height: number; size: number },
): Buffer {
  const out = Buffer.alloc(row * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)]
    for (let x = 0; x < row; x++) {
      const at = y * row + x
      const left = x < size ? 0 : out[at - size]!
      const up = y === 0 ? 0 : out[at - row]!
      const corner = x < size || y === 0 ? 0 : out[at - row - size]!
      const foretold = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter!]!
      out[at] = raw[y * (row + 1) + 1 + x]! + foretold
    }
  }
  return out
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  if (a <= b && a <= c) return left
  return b <= c ? up : corner
}
