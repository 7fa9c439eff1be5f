/** What of the library is used to look at a cluster: a program of its own in build/, which no other command is to pay for. */
export { CoreV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node'
