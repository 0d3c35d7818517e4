namespace KvmSevVmm.Vmm.Console;

/// <summary>Where the console's input comes from: standard input, with a way to end the waiting.</summary>
public interface IConsoleSource
{
    /// <summary>Whether a person may sit there: then Ctrl-A is a command, and a full buffer does not stop the reading for ever.</summary>
    bool IsInteractive { get; }

    /// <summary>Waits for bytes.</summary>
    /// <param name="buffer">Room for at least one.</param>
    /// <returns>How many came; 0 at the end of the input, or after <see cref="Unblock"/>.</returns>
    /// <exception cref="IOException">The input failed.</exception>
    int Read(Span<byte> buffer);

    /// <summary>Makes the present <see cref="Read"/> and all later ones return 0. Callable on any thread.</summary>
    void Unblock();
}
