namespace KvmSevVmm.Sev;

/// <summary>Where keys, nonces and initialisation vectors come from: the system's generator, or a seeded one in tests.</summary>
public interface IRandomSource
{
    /// <summary>Fills a buffer with random bytes.</summary>
    /// <param name="destination">The buffer; every byte is overwritten.</param>
    void Fill(Span<byte> destination);
}
