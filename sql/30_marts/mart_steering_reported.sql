-- one row per (source_id, file_row): one prompt of a published steering run
with rows as (
    select * from stg_steering_reported
),

models as (
    select * from int_models
),

joined as (
    select
        models.family,
        models.display_name,
        models.params_b,
        rows.*,
    from rows
    left join models
        on rows.model_id = models.model_id
)

select * from joined
order by source_id, family, params_b, model_id
