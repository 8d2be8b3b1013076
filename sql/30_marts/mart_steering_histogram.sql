-- one row per (model_id, arm, low): test questions whose score one intervention moved by as much
with rows as (
    select * from stg_steering_histogram
)

select * from rows
order by model_id, arm, low
