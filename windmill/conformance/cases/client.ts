import assert from 'node:assert/strict'
import type { Case, Server } from '../server.ts'

type Client = typeof import('windmill-client')

/** The client reads where it is when it is loaded. */
async function clientOf({ endpoint, workspace, token }: Server): Promise<Client> {
  Object.assign(process.env, { BASE_INTERNAL_URL: endpoint, WM_WORKSPACE: workspace, WM_TOKEN: token })
  return import('windmill-client')
}

/** The official client, as scripts use it. */
export const CLIENT_CASES: Case[] = [
  {
    name: 'serves windmill-client: scripts',
    async run(server) {
      const client = await clientOf(server)
      assert.deepEqual(await client.runScriptByPath(server.path('double'), { n: 4 }), { twice: 8 })
      await assert.rejects(client.runScriptByPath(server.path('throws'), {}), /too much/)
      const id = await client.runScriptByPathAsync(server.path('nothing'), {}, 600)
      await client.cancelJob(id, 'changed my mind')
      await assert.rejects(client.waitJob(id), /changed my mind/)
    },
  },
  {
    name: 'serves windmill-client: variables, resources and state',
    async run(server) {
      const client = await clientOf(server)
      const [variable, resource] = [server.path('client_variable'), server.path('client_resource')]
      server.cleanUp(() => server.call(`variables/delete/${variable}`, { method: 'DELETE' }))
      server.cleanUp(() => server.call(`resources/delete/${resource}`, { method: 'DELETE' }))
      await client.setVariable(variable, 'one', true)
      await client.setVariable(variable, 'two')
      assert.equal(await client.getVariable(variable), 'two')
      assert.equal(await client.getResource(resource, true), undefined)
      await client.setState({ count: 1 }, resource)
      await client.setState({ count: 2 }, resource)
      assert.deepEqual(await client.getState(resource), { count: 2 })
      await client.setResource({ secret: `$var:${variable}` }, resource)
      assert.deepEqual(await client.getResource(resource), { secret: 'two' })
    },
  },
  {
    name: 'serves windmill-client: flows',
    async run(server) {
      const client = await clientOf(server)
      const path = server.path('double')
      const value = {
        type: 'script',
        path,
        input_transforms: { n: { type: 'javascript', expr: 'flow_input.n' } },
      }
      await server.deployFlow('flow_client', [{ id: 'a', value }])
      assert.deepEqual(await client.runFlow(server.path('flow_client'), { n: 5 }), { twice: 10 })
    },
  },
]
