-- one row per (panel, model row, x, y): both scores of one model from one source; MC1 and MC2 never meet
with scores as (
    select * from int_panel_scores
),

paired as (
    select
        first_score.panel,
        first_score.source_id,
        first_score.family,
        first_score.model_family,
        first_score.lab,
        first_score.model_id,
        first_score.display_name,
        first_score.source_row,
        first_score.axis,
        first_score.replicate,
        first_score.position,
        first_score.params_b,
        first_score.d_model,
        first_score.n_layers,
        first_score.model_kind,
        first_score.training_recipe,
        first_score.release_date,
        first_score.model_flags,
        first_score.is_population_model,
        first_score.benchmark_id as x,
        second_score.benchmark_id as y,
        first_score.protocol as x_protocol,
        second_score.protocol as y_protocol,
        first_score.score_pct as x_pct,
        second_score.score_pct as y_pct,
        first_score.score_se_pct as x_se_pct,
        second_score.score_se_pct as y_se_pct,
        first_score.is_near_chance as x_is_near_chance,
        second_score.is_near_chance as y_is_near_chance,
        nullif(
            concat_ws(';', first_score.quality_flags, second_score.quality_flags),
            ''
        ) as quality_flags,
        first_score.source_file,
        first_score.file_row as x_file_row,
        second_score.file_row as y_file_row,
    from scores as first_score
    inner join scores as second_score
        on
            first_score.unit_key = second_score.unit_key
            and first_score.panel = second_score.panel
            and first_score.benchmark != second_score.benchmark
)

select * from paired
