-- one row per (model_id, split, arm): a model of the organism under one intervention, by `cape steer-eval`
with rows as (
    select * from stg_steering_arms
)

select * from rows
order by model_id, split desc, kind, matching, layer nulls first, strength nulls first, replicate nulls first, arm
