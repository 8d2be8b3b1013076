-- one row per (cell, world, estimator): counts of the calibration stored by `cape calibrate`
with source as (
    select * from raw_computed_calibration
),

renamed as (
    select
        ---------- ids
        cell,
        world,
        estimator,

        ---------- text
        quantity,
        unit,

        ---------- design
        n_families,
        n_sizes,
        x_items,
        y_items,
        n_simulations,
        n_resamples,
        n_blocks,
        seed,

        ---------- counts
        n_true,
        n_none,
        n_values,
        n_intervals,
        n_covered,
        n_below,
        n_above,
        n_found,
        n_false,
        n_bounded,

        ---------- numerics
        truth,
        bias,
        rmse,
        width,
        spread_covered,
        spread_found,
        spread_false,
    from source
)

select * from renamed
