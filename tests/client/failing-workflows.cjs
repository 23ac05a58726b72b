exports.job = async () => {
  throw new TypeError('out of order');
};
