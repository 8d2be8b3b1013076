-- one row per (panel, family, axis): sizes covered
with scores as (
    select * from int_panel_scores
),

counts as (
    select
        panel,
        family,
        axis,
        count(distinct model_id) as n_models,
        count(distinct position) as n_positions,
        min(position) as min_position,
        max(position) as max_position,
        bool_or(is_population_model) as has_population_models,
    from scores
    group by panel, family, axis
)

select * from counts
order by panel, family
