-- one row per claim_id
with source as (
    select * from raw_claims
),

renamed as (
    select
        claim_id,
        source,
        claim,
        quantity,
        paper_value,
        unit,
        paper_ci,
        population,
        method,
        parts,
        found_in,
        contradiction,
    from source
)

select * from renamed
