-- one row per frontier model_id: lab, release date and its precision, version, tier and compute tier
-- Tier and version are read from the registry's display name: the tier is the name without its version number, a
-- compute tier stands in brackets. A release is (lab, date, tier); rows that differ in compute tier only are one.
with models as (
    select * from int_models
    where kind = 'frontier'
),

named as (
    select
        model_id,
        display_name,
        coalesce(lab, family) as lab,
        release_date,
        nullif(regexp_extract(display_name, '\(([^)]*) compute\)', 1), '') as compute_tier,
        trim(regexp_replace(display_name, '\([^)]*\)', '', 'g')) as release_name,
        source_id as stated_by,
        notes,
    from models
),

split as (
    select
        model_id,
        display_name,
        release_name,
        lab,
        release_date,
        case coalesce(length(release_date), 0)
            when 10 then 'day'
            when 7 then 'month'
            when 4 then 'year'
            else 'unknown'
        end as date_precision,
        nullif(regexp_extract(release_name, '[0-9]+(\.[0-9]+)*o?\b'), '') as version,
        trim(
            regexp_replace(regexp_replace(release_name, '[0-9]+(\.[0-9]+)*o?\b', '', 'g'), '[- ]+', ' ', 'g')
        ) as tier,
        compute_tier,
        stated_by,
        notes,
    from named
)

select * from split
