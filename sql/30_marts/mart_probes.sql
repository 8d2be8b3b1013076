-- one row per number of a probe, recorded or measured here, with its instrument, prompts, layer and unit
with rows as (
    select * from int_probes
),

models as (
    select * from int_models
),

joined as (
    select
        models.family,
        models.display_name,
        models.params_b,
        models.n_layers,
        models.n_heads,
        models.d_model,
        models.kind,
        rows.*,
    from rows
    left join models
        on rows.model_id = models.model_id
)

select * from joined
order by source_id, family, params_b, model_id, source_file, file_row
