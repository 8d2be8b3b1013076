-- one row per (source_id, file_row): changed outputs of one published steering run, or of its prompts of one phase
with counts as (
    select * from stg_steering_counts
),

models as (
    select * from int_models
),

joined as (
    select
        models.family,
        models.display_name,
        models.params_b,
        counts.*,
    from counts
    left join models
        on counts.model_id = models.model_id
)

select * from joined
order by source_id, family, params_b, model_id, file_row
