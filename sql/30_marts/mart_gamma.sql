-- one row per (panel, family, axis, replicate, x, y, protocols, step between consecutive positions with both scores)
-- gamma, its standard error, Fieller interval and phase are formed in int_steps.
with steps as (
    select * from int_steps
),

between_sizes as (
    select * exclude (is_population_point, n_rows_to, x_se_to_pct, y_se_to_pct)
    from steps
    where position_from is not null
)

select * from between_sizes
