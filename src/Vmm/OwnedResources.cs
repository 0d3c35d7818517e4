namespace KvmSevVmm.Vmm;

/// <summary>What a machine owns, released in the reverse of the order in which it was made.</summary>
public sealed class OwnedResources : IDisposable
{
    private readonly Stack<IDisposable> _resources = new();

    /// <summary>Takes ownership.</summary>
    /// <typeparam name="T">The resource's type.</typeparam>
    /// <param name="resource">The resource.</param>
    /// <returns>The same resource.</returns>
    public T Add<T>(T resource)
        where T : IDisposable
    {
        _resources.Push(resource);
        return resource;
    }

    /// <summary>Gives everything to a new owner; this one then owns nothing.</summary>
    /// <returns>The new owner.</returns>
    public OwnedResources Release()
    {
        var next = new OwnedResources();
        foreach (IDisposable resource in _resources.Reverse())
        {
            next.Add(resource);
        }

        _resources.Clear();
        return next;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_resources.TryPop(out IDisposable? resource))
        {
            resource.Dispose();
        }
    }
}
