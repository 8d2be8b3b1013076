-- one row per panel: label, default pair and counts
with panels as (
    select * from int_panels
),

counts as (
    select
        panel,
        count(distinct model_id) as n_models,
        count(distinct family) as n_families,
        count(distinct (model_id, coalesce(source_row, ''))) as n_model_rows,
        count(*) as n_scores,
    from int_panel_scores
    group by panel
),

joined as (
    select
        panels.panel,
        panels.source_id,
        panels.label,
        panels.description,
        panels.default_x,
        panels.default_y,
        panels.is_printed_truthfulqa,
        panels.is_named,
        coalesce(counts.n_models, 0) as n_models,
        coalesce(counts.n_families, 0) as n_families,
        coalesce(counts.n_model_rows, 0) as n_model_rows,
        coalesce(counts.n_scores, 0) as n_scores,
    from panels
    left join counts
        on panels.panel = counts.panel
)

select * from joined
order by is_named desc, panel
