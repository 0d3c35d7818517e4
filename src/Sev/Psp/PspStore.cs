namespace KvmSevVmm.Sev.Psp;

/// <summary>Where a platform's state lies, and who else uses the platform.</summary>
internal abstract class PspStore : IDisposable
{
    /// <summary>Keeps every other user of the platform out until the result is disposed.</summary>
    /// <exception cref="IOException">The platform stays in use, or its directory cannot be written.</exception>
    internal abstract IDisposable Enter();

    /// <summary>The state. Call inside <see cref="Enter"/>.</summary>
    /// <exception cref="SevFormatException">The stored state is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal abstract PspState Load();

    /// <summary>Replaces the state, wholly or not at all. Call inside <see cref="Enter"/>.</summary>
    /// <param name="state">The new state.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal abstract void Save(PspState state);

    /// <summary>Takes the lowest free guest handle. Call inside <see cref="Enter"/>.</summary>
    /// <param name="maximum">The highest handle.</param>
    /// <param name="handle">The handle, from 1 on.</param>
    /// <returns>What frees the handle when disposed, or null when none is free.</returns>
    internal abstract IDisposable? TryTakeHandle(uint maximum, out uint handle);

    /// <summary>How many handles are taken. Call inside <see cref="Enter"/>.</summary>
    internal abstract uint CountHandles();

    /// <inheritdoc/>
    public abstract void Dispose();
}
