export const MODEL_FACTS = `
-- what a model's server and earlier calls taught of it, in tokens
create table hai.model_fact (
  url text not null,
  model text not null,
  -- the window: what the server names, and what a refusal or an answer taught besides
  listed int check (listed > 0),
  refused int check (refused > 0),
  -- the longest answer
  output int check (output > 0),
  -- true tokens for each that is estimated
  ratio float8 check (ratio > 0),
  asked_at timestamptz,
  refused_at timestamptz,
  primary key (url, model)
);`
