"""The plant: parameters, data of a year, state, actions, observation and reward.

Everything here is a function of arrays, compiled with Numba; simulators only produce the state. Imports neither
Stable-Baselines3, torch nor (but for `citylearn_sim`) CityLearn.
"""
