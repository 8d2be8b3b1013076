-- offenders: panel names used twice, or naming a default pair that is unknown
with panels as (
    select * from int_panels
),

benchmarks as (
    select * from stg_benchmarks
),

repeated as (
    select
        panel as place,
        'the panel stands ' || count(*) || ' times' as description,
    from panels
    group by panel
    having count(*) > 1
),

unknown_pairs as (
    select
        panels.panel as place,
        'default pair ' || coalesce(panels.default_x, 'none') || ', ' || coalesce(panels.default_y, 'none')
        || ' is not in benchmarks.csv' as description,
    from panels
    left join benchmarks as first_benchmark
        on panels.default_x = first_benchmark.benchmark_id
    left join benchmarks as second_benchmark
        on panels.default_y = second_benchmark.benchmark_id
    where
        (panels.default_x is null) != (panels.default_y is null)
        or (panels.default_x is not null and first_benchmark.benchmark_id is null)
        or (panels.default_y is not null and second_benchmark.benchmark_id is null)
)

select * from repeated
union all
select * from unknown_pairs
order by place
