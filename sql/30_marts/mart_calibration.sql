-- one row per (cell, world, estimator): how an estimator did on simulated panels with a planted answer
with calibration as (
    select * from stg_calibration
)

select * from calibration
order by n_families, n_sizes, x_items desc, world, estimator
