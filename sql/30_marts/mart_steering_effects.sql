-- one row per (model_id, arm, against, metric): one intervention less another on the same test questions
with rows as (
    select * from stg_steering_effects
)

select * from rows
order by model_id, metric, kind, matching, arm, against
