import { signedRoute } from '../../hai/core/base/door.ts'
import { fieldsOf, type RequestEvent } from '../../hai/core/surface/request.ts'
import { signedWith } from '../../hai/core/surface/signature.ts'
import { ByName, receiveSigned } from '../../hai/core/surface/signed.ts'

/** What of the request becomes arguments; of a signature its digest, of which nobody makes one. */
export async function preprocessor(event: RequestEvent) {
  return { ...fieldsOf(event, ByName), ...signedWith(event) }
}

/** Takes a webhook that is signed with a secret of the operator's. `POST /inbox/signed/{name}`. */
export async function main(name: string, raw_string: string, marks: { [header: string]: string }) {
  return signedRoute((sql, as) => receiveSigned(sql, { name, raw_string, marks }, as))
}
