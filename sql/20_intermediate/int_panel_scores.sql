-- one row per (panel, delivered score, benchmark_id), with family, ladder axis and position
-- materialized
with scores as (
    select * from int_scores
),

panels as (
    select * from int_panels
),

models as (
    select * from int_models
),

panel_families as (
    select * from stg_panel_families
),

joined as (
    select
        panels.panel,
        scores.source_id,
        scores.source_file,
        scores.file_row,
        scores.source_row,
        scores.model_id,
        models.display_name,
        scores.revision,
        coalesce(panel_families.panel_family, scores.ladder, models.family) as family,
        models.family as model_family,
        models.lab,
        models.params_b,
        models.d_model,
        models.n_layers,
        models.kind as model_kind,
        models.training_recipe,
        models.release_date,
        models.quality_flags as model_flags,
        models.is_population_model,
        scores.axis,
        scores.replicate,
        coalesce(
            scores.position,
            case when scores.axis = 'params' then models.params_b * 1e9 end
        ) as position,
        scores.benchmark_id,
        scores.benchmark,
        scores.benchmark_name,
        scores.variant,
        scores.metric,
        scores.n_shot,
        scores.harness,
        scores.harness_version,
        scores.task_version,
        scores.protocol,
        scores.score_pct,
        scores.score_se_pct,
        scores.se_method,
        scores.n_items,
        scores.chance_pct,
        scores.is_near_chance,
        scores.is_self_reported,
        scores.quality_flags,
        scores.source_url,
        scores.retrieved_at,
        scores.notes,
        concat_ws(
            '|',
            panels.panel,
            scores.source_id,
            coalesce(panel_families.panel_family, scores.ladder, models.family),
            scores.model_id,
            coalesce(scores.revision, ''),
            coalesce(scores.source_row, ''),
            scores.axis,
            coalesce(scores.position::varchar, ''),
            scores.replicate
        ) as unit_key,
    from scores
    inner join panels
        on scores.source_id = panels.source_id
    inner join models
        on scores.model_id = models.model_id
    left join panel_families
        on
            panels.is_panel_families
            and scores.source_id = panel_families.source_id
            and scores.model_id = panel_families.model_id
    where
        not panels.is_printed_truthfulqa
        or scores.benchmark != 'truthfulqa'
        or scores.benchmark_id = 'truthfulqa_as_printed'
)

select * from joined
