-- Templates that somebody added stay; an accepted order keeps the id of a template that is gone.
DELETE FROM templates WHERE id IN (
    'studio_clean', 'macro_detail', 'orbit_turntable', 'hands_in_use', 'cozy_home',
    'morning_light', 'outdoor_nature', 'fresh_splash', 'neon_night', 'tech_launch', 'unboxing',
    'fashion_flow'
);
