-- one row per claim_id that has been judged: verdicts stored by scripts/recompute_claims.py
with source as (
    select * from raw_computed_ledger
),

renamed as (
    select
        claim_id,
        reproduced,
        supported,
        our_value,
        low,
        high,
        n,
        diagnostic,
        params,
        method,
        reason,
        parts,
        from_lake_version,
    from source
)

select * from renamed
