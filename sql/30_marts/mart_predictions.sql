-- one row per prediction_id
with rows as (
    select * from stg_predictions
)

select * from rows
order by prediction_id
