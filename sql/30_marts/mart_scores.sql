-- one row per (panel, delivered score, benchmark_id)
with scores as (
    select * exclude (unit_key) from int_panel_scores
)

select * from scores
order by panel, family, position, model_id, benchmark_id, file_row
