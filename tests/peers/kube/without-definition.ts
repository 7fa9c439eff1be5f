/** Kinds whose definitions are in no module that can be had; they are held against our own schemas alone. */
export const WITHOUT_DEFINITION = ['GrafanaDashboard', 'GrafanaDatasource']
