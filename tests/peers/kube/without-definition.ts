/** Kinds whose definitions are in no module that can be had; their types alone say what they have. */
export const WITHOUT_DEFINITION = ['GrafanaDashboard', 'GrafanaDatasource']
